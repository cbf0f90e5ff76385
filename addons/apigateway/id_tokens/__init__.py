"""id_tokens of OpenID Connect. Pure.

reading         where a call carries its token, and what the token says
verification    which key verifies it, and whether its claims let the call in
"""
