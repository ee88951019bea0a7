"""How a recipe names its parts: a word, a table with arguments, or the object itself."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, Generic, TypeVar, cast

from secateur.errors import PruningError

T = TypeVar("T")


class Registry(Generic[T]):
    """Names of one kind of thing, each with the callable that makes it.

    >>> colours: Registry[str] = Registry("colour", str)
    >>> colours.register("red", lambda: "#f00")
    >>> colours.parse({"name": "red"}, "paint")
    '#f00'
    """

    def __init__(self, kind: str, base: type[Any]) -> None:
        self._kind = kind
        self._base = base
        self._makers: dict[str, Callable[..., T]] = {}

    def register(self, name: str, maker: Callable[..., T]) -> None:
        """Make `name` usable in recipes; a name given twice is replaced."""
        self._makers[name] = maker

    def names(self) -> list[str]:
        """Every registered name, sorted."""
        return sorted(self._makers)

    def make(self, name: str, arguments: Mapping[str, Any], field: str) -> T:
        """The thing called `name`; raises PruningError naming `field` when it cannot be made."""
        if name not in self._makers:
            raise PruningError(
                f"{field}: there is no {self._kind} named {name!r}; choose one of {', '.join(self.names())}"
            )
        try:
            return self._makers[name](**arguments)
        except TypeError as error:
            raise PruningError(f"{field}: {name} does not take these arguments: {error}") from None
        except PruningError as error:
            raise PruningError(f"{field}: {error}") from None

    def parse(self, spec: object, field: str) -> T:
        """An object of this kind from a name, a table ``{"name": ..., arguments}``, or the object itself."""
        if isinstance(spec, self._base) and not isinstance(spec, str):
            return cast(T, spec)
        if isinstance(spec, str):
            return self.make(spec, {}, field)
        if isinstance(spec, Mapping):
            arguments = dict(spec)
            name = arguments.pop("name", None)
            if not isinstance(name, str):
                raise PruningError(f"{field}: a table needs a 'name', one of {', '.join(self.names())}")
            return self.make(name, arguments, field)
        raise PruningError(
            f"{field}: expected a name ({', '.join(self.names())}), a table with a 'name', "
            f"or a {self._base.__name__}; got {type(spec).__name__}"
        )


def to_table(name: str, thing: object) -> dict[str, Any]:
    """The table that `Registry.parse` reads back: the name and the dataclass fields of `thing`."""
    fields = dataclasses.asdict(thing) if dataclasses.is_dataclass(thing) else {}  # type: ignore[arg-type]
    return {"name": name, **fields}
