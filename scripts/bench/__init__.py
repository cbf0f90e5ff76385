"""How fast the gateway is, beside stock mitmdump and others, measured in one run."""
