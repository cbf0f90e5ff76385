"""The edge: what a connection may cost and what a request may look like, before any add-on.

Rules come from `gateway.yaml` (`limits`, `edge`); what breaks one is answered in the gateway's
own format and closed, and no stage sees it.
"""
