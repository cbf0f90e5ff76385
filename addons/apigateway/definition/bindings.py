"""Grants, bindings and policies by the API and environment on which they act."""

from collections import defaultdict
from functools import cached_property

from apigateway.definition.project import Project
from apigateway.model.api import Api
from apigateway.model.app import Grant
from apigateway.model.group import Environment, Group
from apigateway.model.policy import (
    Binding,
    IpControl,
    PolicyKind,
    SignatureKey,
    ThrottlingPolicy,
)

_Place = tuple[str, Environment]
"""An API of a group in an environment, by name."""

_Names = dict[PolicyKind, str]

Bound = tuple[frozenset[str], ThrottlingPolicy | None, SignatureKey | None, IpControl | None]
"""The ids of the apps that may call, and the policy of each kind."""


class Bindings:
    """What acts at once on an API in an environment; of two bindings of a kind the last wins.

    A group is looked up when it is first asked for: after a reload most are not.
    """

    def __init__(self, project: Project) -> None:
        self._project = project
        self._known: dict[str, tuple[dict[_Place, set[str]], dict[_Place, _Names]]] = {}
        self._throttling = {policy.name: policy for policy in project.throttling_policies}
        self._signature_keys = {key.name: key for key in project.signature_keys}
        self._ip_controls = {control.name: control for control in project.ip_controls}

    def on(self, group: Group, api: Api, environment: Environment) -> Bound:
        granted, bound = self._of_group(group.name)
        place = (api.name, environment)
        names = bound.get(place, {})
        throttling = names.get(PolicyKind.THROTTLING)
        signature_key = names.get(PolicyKind.SIGNATURE_KEY)
        ip_control = names.get(PolicyKind.IP_CONTROL)
        return (
            frozenset(granted.get(place, ())),
            None if throttling is None else self._throttling[throttling],
            None if signature_key is None else self._signature_keys[signature_key],
            None if ip_control is None else self._ip_controls[ip_control],
        )

    def _of_group(self, name: str) -> tuple[dict[_Place, set[str]], dict[_Place, _Names]]:
        if name not in self._known:
            granted: dict[_Place, set[str]] = defaultdict(set)
            bound: dict[_Place, _Names] = defaultdict(dict)
            for grant in self._grants[name]:
                granted[grant.api, grant.environment].add(self._app_ids[grant.app])
            for binding in self._bindings[name]:
                bound[binding.api, binding.environment][binding.kind] = binding.policy
            self._known[name] = granted, bound
        return self._known[name]

    @cached_property
    def _app_ids(self) -> dict[str, str]:
        return {app.name: app.id for app in self._project.apps}

    @cached_property
    def _grants(self) -> dict[str, list[Grant]]:
        found = defaultdict(list)
        for grant in self._project.grants:
            found[grant.group].append(grant)
        return found

    @cached_property
    def _bindings(self) -> dict[str, list[Binding]]:
        found = defaultdict(list)
        for binding in self._project.bindings:
            found[binding.group].append(binding)
        return found
