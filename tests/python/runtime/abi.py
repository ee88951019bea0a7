"""The C interface as lines: what each enumerator counts, where fields lie, how each function is declared.

    python tests/python/runtime/abi.py --write

writes them to abi.txt, after what was added to secateur.h. It refuses where a line of before is gone or says
something else, but for a struct with a struct_size that has grown at its end: that would break programs that
are built already.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
STORED = HERE / "abi.txt"
INCLUDE = HERE.parents[2] / "csrc" / "include"


def declarations() -> str:
    """The header without comments, preprocessor and runs of blanks."""
    text = (INCLUDE / "secateur" / "secateur.h").read_text()
    text = re.sub(r"/\*.*?\*/", " ", text, flags=re.S)
    text = re.sub(r"^#.*$", "", text, flags=re.M)
    return re.sub(r"\s+", " ", text.replace('extern "C" {', ""))


def names_of(field: str) -> list[str]:
    """The names that a declaration of fields declares.

    >>> names_of("int64_t rows, cols"), names_of("uint32_t shape[SCT_MAX_RANK]")
    (['rows', 'cols'], ['shape'])
    """
    parts = re.sub(r"\[[^]]*\]", "", field).split(",")
    return [re.findall(r"\w+", part)[-1] for part in parts]


def dump(compiler: str = "cc") -> list[str]:
    """The lines, by a C program for this machine."""
    text = declarations()
    prints = []
    for name, body in re.findall(r"typedef enum (\w+) \{(.*?)\} \w+;", text):
        for entry in body.split(","):
            if constant := entry.partition("=")[0].strip():
                prints.append(f'printf("enum {name} {constant} %d\\n", (int){constant});')
    for name, body in re.findall(r"typedef struct (\w+) \{(.*?)\} \w+;", text):
        for field in filter(str.strip, body.split(";")):
            for member in names_of(field):
                place = f"offsetof({name}, {member}), sizeof((({name}*)0)->{member})"
                prints.append(f'printf("field {name}.{member} at %zu of %zu\\n", {place});')
        prints.append(f'printf("struct {name} %zu\\n", sizeof({name}));')
    source = "#include <secateur/secateur.h>\n#include <stddef.h>\n#include <stdio.h>\n"
    source += "int main(void) {\n" + "\n".join(prints) + "\nreturn 0;\n}\n"
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "dump.c").write_text(source)
        program = str(Path(folder) / "dump")
        subprocess.run([compiler, f"-I{INCLUDE}", f"{program}.c", "-o", program], check=True)
        lines = subprocess.run([program], capture_output=True, text=True, check=True).stdout.splitlines()
    functions = re.findall(r"SCT_API ([^;]+?)\b(\w+) ?\(([^;]*)\);", text)
    callbacks = re.findall(r"typedef ([^;{]+?)\(\*(\w+)\)\(([^;]*)\);", text)
    for returned, name, listed in [*functions, *callbacks]:
        parameters = [part.strip() for part in listed.split(",") if part.strip() != "void"]
        lines.append(f"function {name} of {len(parameters)} gives {returned.strip()}")
        lines += [f"function {name} takes {i}: {part}" for i, part in enumerate(parameters)]
    return sorted(lines)


def broken(old: list[str], new: list[str]) -> list[str]:
    """What programs that were built by `old` would miss; a struct that says its size may grow."""
    sizes = {
        line.rpartition(" ")[0]: int(line.rpartition(" ")[2]) for line in new if line.startswith("struct ")
    }
    lost = []
    for line in old:
        name, _, size = line.rpartition(" ")
        tells = f"field {name.removeprefix('struct ')}.struct_size at 0 of 4" in old
        if line not in new and not (tells and sizes.get(name, 0) >= int(size)):
            lost.append(line)
    return lost


if __name__ == "__main__":
    found = dump()
    missed = broken(STORED.read_text().splitlines(), found) if STORED.exists() else []
    if missed:
        sys.exit("programs that are built already would break:\n" + "\n".join(missed))
    if sys.argv[1:] == ["--write"]:
        STORED.write_text("\n".join(found) + "\n")
    else:
        print("\n".join(found))
