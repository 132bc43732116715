"""Give NumPy's extension modules the functions of C99's complex.h that Wine 8's ucrtbase.dll lacks.

A DLL of their own has them, forwards all others, and takes the place of the system's in the modules' import tables.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

OLD, NEW = "api-ms-win-crt-math-l1-1-0.dll", "sfn-ms-win-crt-math-l1-1-0.dll"  # of one length
TOOLS = "/usr/bin/x86_64-w64-mingw32-"
REAL = ["creal", "cimag", "cabs", "carg"]
COMPLEX = [
    *("cexp", "clog", "cpow", "csqrt", "conj", "cproj"),
    *("ccos", "csin", "ctan", "cacos", "casin", "catan"),
    *("ccosh", "csinh", "ctanh", "cacosh", "casinh", "catanh"),
]
LACKING = {name + end for name in (*REAL, *COMPLEX) for end in ("", "f", "l")}
TYPES = """#include <complex.h>
typedef struct { double r, i; } D;
typedef struct { float r, i; } F;
"""
CONVERSIONS = """
static {scalar} complex in{kind}({kind} x) {{ union {{ {kind} d; {scalar} complex c; }} u; u.d = x; return u.c; }}
static {kind} out{kind}({scalar} complex x) {{ union {{ {kind} d; {scalar} complex c; }} u; u.c = x; return u.d; }}
"""


def main(root: Path) -> None:
    """Change all extension modules below a folder."""
    users = {path: found for path in root.rglob("*") if (found := imported(path)) & LACKING}
    names = sorted(LACKING.union(*users.values()))
    with tempfile.TemporaryDirectory() as folder:
        source, exports = Path(folder, "math.c"), Path(folder, "math.def")
        kinds = (CONVERSIONS.format(kind=kind, scalar=scalar) for kind, scalar in (("D", "double"), ("F", "float")))
        source.write_text(
            TYPES + "".join(kinds) + "".join(function(name) for name in names if name in LACKING), encoding="utf-8"
        )
        exports.write_text("EXPORTS\n" + "".join(f"  {name} = {target(name)}\n" for name in names), encoding="utf-8")
        options = ["-O2", "-shared", "-s", "-static-libgcc", "-fno-builtin"]
        subprocess.run([f"{TOOLS}gcc", *options, "-o", root / NEW, source, exports], check=True)
    for path in users:
        path.write_bytes(path.read_bytes().replace(OLD.encode(), NEW.encode()))


def imported(path: Path) -> set[str]:
    """Return the names that a module imports from the system's DLL."""
    if path.suffix not in {".pyd", ".dll"} or OLD.encode() not in path.read_bytes():
        return set()
    dump = subprocess.run([f"{TOOLS}objdump", "-p", path], capture_output=True, encoding="utf-8", check=True).stdout
    part = next((one for one in dump.split("\n\n") if f"DLL Name: {OLD}" in one), "")
    return set(re.findall(r"^\s+[0-9a-f]+\s+\d+\s+([A-Za-z_]\w*)$", part, re.MULTILINE))


def function(name: str) -> str:
    """Return the C code of a function, named otherwise since the compiler knows its true name."""
    base = name if name in {*REAL, *COMPLEX} else name[:-1]
    kind, scalar, own = ("F", "float", f"{base}f") if name == f"{base}f" else ("D", "double", base)
    takes, given = (f"{kind} x", f"in{kind}(x)")
    if base == "cpow":
        takes, given = f"{takes}, {kind} y", f"{given}, in{kind}(y)"
    if base in REAL:
        return f"{scalar} sf_{name}({takes}) {{ return {own}({given}); }}\n"
    return f"{kind} sf_{name}({takes}) {{ return out{kind}({own}({given})); }}\n"


def target(name: str) -> str:
    """Return where a name is found: here, or in Wine's DLL."""
    return f"sf_{name}" if name in LACKING else f"ucrtbase.{name}"


if __name__ == "__main__":
    main(Path(sys.argv[1]))
