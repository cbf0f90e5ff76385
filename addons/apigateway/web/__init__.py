"""The gateway in mitmweb and mitmproxy: what is shown of a call, and the commands.

`addon` is the one add-on. It shows: `told` and `views` are the content view, `leg` the gateway's
own request beside the caller's, `keeping` how many calls stay in the list, `lock` who may open
mitmweb at all. `commands` are what it can be asked; `judging`, `releasing` and `standing` do it.
"""
