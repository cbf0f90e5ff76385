"""Subcommands of `apigateway`. They read the arguments and translate; the doing is elsewhere."""
