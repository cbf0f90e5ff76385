"""The rooms a call goes through, in this order, one file each:

routing, access, authentication, authorization, throttling, validation, mapping, resolution,
vpc_allow_list, signing. A stage is a class whose `__call__` takes the pass of the room before
and returns its own, or raises Refusal. It knows no flow, no clock and no other stage.
"""
