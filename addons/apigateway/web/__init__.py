"""The gateway in mitmweb and mitmproxy: what is shown of a call, and the commands.

addon                the one add-on
told, views          the content view
leg                  the gateway's own request beside the caller's
listed, keeping      saved calls as they were; how many calls stay in the list
lock                 who may open mitmweb at all
commands             what it can be asked
judging, releasing, standing, signatures    what the commands do
tasks                work that goes on beside the calls
"""
