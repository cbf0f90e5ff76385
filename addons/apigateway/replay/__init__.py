"""Calls that were captured, and what becomes of them when they are judged again.

`captured` reads and writes them, `offline` walks them through the chain without spending or
sending anything, `outcome` says how one ended and what two endings differ in, `signing` signs a
call anew.
"""
