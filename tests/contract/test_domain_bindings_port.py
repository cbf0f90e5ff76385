"""What every implementation of `DomainBindings` does."""

from contract.conftest import Store

from apigateway.model.domain_binding import DomainBinding

NEW = DomainBinding(domain="api.example.com", group_id="g1", bound_ms=1_700_000_000_000)
SEEN = DomainBinding(
    domain="api.example.com",
    group_id="g2",
    bound_ms=1_700_000_000_001,
    verified_ms=1_700_000_000_002,
    checked_ms=1_700_000_000_003,
    finding="CNAME 天气.example",
    lapsed_ms=1_700_000_000_004,
)
OTHER = DomainBinding(domain="a.example.com", group_id="g1", bound_ms=5)


class TestDomainBindings:
    def test_a_new_store_has_none(self, store: Store) -> None:
        assert list(store.domain_bindings.all()) == []

    def test_bindings_come_back_as_they_were_by_domain(self, store: Store) -> None:
        store.domain_bindings.record([SEEN, OTHER])
        assert list(store.domain_bindings.all()) == [OTHER, SEEN]

    def test_a_domain_has_one_binding_the_last(self, store: Store) -> None:
        for binding in (SEEN, NEW):
            store.domain_bindings.record([binding])
            assert list(store.domain_bindings.all()) == [binding]
        store.domain_bindings.record([NEW, SEEN])
        assert list(store.domain_bindings.all()) == [SEEN]

    def test_what_is_forgotten_is_gone(self, store: Store) -> None:
        store.domain_bindings.record([NEW, OTHER])
        store.domain_bindings.forget(["api.example.com", "unknown.example.com"])
        assert list(store.domain_bindings.all()) == [OTHER]
        store.domain_bindings.record([SEEN])
        assert list(store.domain_bindings.all()) == [OTHER, SEEN]

    def test_what_is_recorded_or_forgotten_is_announced_and_nothing_is_not(
        self, store: Store
    ) -> None:
        store.domain_bindings.record([])
        store.domain_bindings.forget([])
        store.domain_bindings.all()
        assert store.releases.changes() == 0
        store.domain_bindings.record([NEW, OTHER])
        assert store.releases.changes() == 1
        store.domain_bindings.forget(["api.example.com", "a.example.com"])
        assert store.releases.changes() == 2

    def test_bindings_outlive_closing_and_opening(self, store: Store) -> None:
        store.domain_bindings.record([SEEN])
        store.close()
        store.open()
        assert list(store.domain_bindings.all()) == [SEEN]
