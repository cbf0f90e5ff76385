"""The gateway, for `mitmdump -s addons/gateway.py`: a call goes down this list."""

import asyncio
from pathlib import Path

from apigateway.chain import link
from apigateway.fast.profile import FastProfile
from apigateway.proxy.hooks import Desk, Dispatch, MetricsLog, Reception, StageHook
from apigateway.proxy.settings import Settings
from apigateway.stages.access import Access
from apigateway.stages.authentication import Authentication
from apigateway.stages.authorization import Authorization
from apigateway.stages.mapping import Mapping
from apigateway.stages.resolution import Resolution
from apigateway.stages.routing import Routing
from apigateway.stages.signing import Signing
from apigateway.stages.throttling import Throttling
from apigateway.stages.validation import Validation
from apigateway.stages.vpc_allow_list import VpcAllowList
from apigateway.web.addon import Web

settings = Settings(root=Path(__file__).resolve().parent.parent)
desk = Desk(settings)

CHAIN = link(
    Routing(),
    Access(),
    Authentication(),
    Authorization(nonces=settings.store),
    Throttling(ledger=settings.store, sleep=asyncio.sleep),
    Validation(),
    Mapping(),
    Resolution(),
    VpcAllowList(resolver=settings.resolver),
    Signing(),
)

addons = [
    settings,
    FastProfile(),
    Reception(desk),
    *(StageHook(step, desk) for step in CHAIN),
    Dispatch(desk, backends=settings.backends),
    Web(desk),
    MetricsLog(desk, calls=settings.store),
]
