"""Several processes behind one port: `apigateway serve --workers N`.

worker       one of them, as the supervisor sees it
supervisor   starts the workers, restarts one that dies, replaces all at a reload, stops them
sockets      the port: bound by the supervisor, one socket a worker, spread by the system
line         what a worker and its supervisor say to each other
log          the lines of all workers in one stream
neighbours   who else listens on a port, for workers that nobody supervises

A worker is mitmdump with the gateway as its script; the worker's own side is `proxy/listener.py`.
"""
