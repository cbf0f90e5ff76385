"""What a release would break for those who call today, judged by what definitions mean.

finding      what is told, and how bad it is
patterns     regular expressions of which one takes all that the other takes
schemas      JSON Schemas, as far as that can be told
rules        the rules of one parameter
parameters   the parameters and the body of an API
auth         who may call
backend      what the backend gets
routes       which API a call goes to
leftovers    grants and policies that do nothing, APIs that nobody can call
"""
