"""Options: completed with their defaults, or refused."""

from collections.abc import Mapping, Sequence

Value = bool | int | str


def complete(given: Mapping[str, Value], domains: Mapping[str, Sequence[Value]]) -> dict[str, Value]:
    """Every option with its value; options left out have the first value of their domain.

    Raises:
        ValueError: for an option or value that is not in `domains`.
    """
    for name, value in given.items():
        if name not in domains:
            raise ValueError(f"no option '{name}'; choose from {', '.join(domains)}")
        if not any(value == known and type(value) is type(known) for known in domains[name]):
            raise ValueError(f"{name}={value!r}; choose one of {', '.join(map(repr, domains[name]))}")
    return {name: given.get(name, values[0]) for name, values in domains.items()}


def agree(name: str, wanted: bool, argument: object | None) -> None:
    """Check that an argument of the call is handed over exactly if the options say so."""
    if wanted != (argument is not None):
        raise ValueError(f"the options say that {name} {'is' if wanted else 'is not'} handed over")
