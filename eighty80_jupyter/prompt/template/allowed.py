"""Which functions compute a value: the tables behind `calls`.

Names are matched whole, as regular expressions, where they do not stand in a set.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Mapping


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


BUILTINS = frozenset(
    getattr(builtins, name)
    for name in _words(
        "abs all any ascii bin bool bytearray bytes callable chr complex dict dir divmod enumerate "
        "filter float format frozenset hasattr hash hex id int isinstance issubclass iter len list "
        "map max min object oct ord pow range repr reversed round set slice sorted str sum tuple "
        "type vars zip"
    )
)
# They look at what they are given, and neither call it nor go through it.
LOOKING = frozenset({callable, dir, hasattr, hash, id, isinstance, issubclass, repr, str, type})
LOOKING_NAMES = frozenset({"getsource", "getdoc", "signature", "isclass", "isfunction"})

# Of the standard library: the functions and classes that a field may call, and their methods.
STANDARD: Mapping[str, str] = {
    **dict.fromkeys(["math", "cmath", "statistics", "decimal", "fractions", "numbers"], ".*"),
    **dict.fromkeys(["datetime", "calendar", "zoneinfo", "uuid", "ipaddress", "enum"], ".*"),
    **dict.fromkeys(["string", "textwrap", "unicodedata", "difflib", "re", "html"], ".*"),
    **dict.fromkeys(["base64", "binascii", "colorsys", "fnmatch", "urllib.parse"], ".*"),
    **dict.fromkeys(["collections", "collections.abc", "itertools", "array", "typing"], ".*"),
    "bisect": "bisect.*",
    "copy": "copy|deepcopy",
    "dataclasses": "asdict|astuple|fields|is_dataclass",
    "functools": "reduce|cmp_to_key|partial",
    "hashlib": "(?!file_digest).*",
    "heapq": "nlargest|nsmallest|merge",
    "inspect": "getsource|getdoc|signature|cleandoc|isclass|isfunction",
    "json": "dumps|loads",
    "operator": "(?!attrgetter|methodcaller|call$|setitem|delitem|i(?:add|and|concat|floordiv"
    "|lshift|matmul|mod|mul|or|pow|rshift|sub|truediv|xor)$).*",
    "os.path": "basename|dirname|join|split|splitext|normpath|commonprefix|commonpath",
    "pprint": "pformat|saferepr",
    "shlex": "quote|split|join",
    "time": "time|monotonic|perf_counter|strftime|gmtime|localtime|asctime|ctime|mktime",
    "types": "SimpleNamespace|MappingProxyType",
}
# Modules that are known by another name, and how the message calls them.
SAME = {"posixpath": "os.path", "ntpath": "os.path", "genericpath": "os.path"}
SAME |= {"posix": "os", "nt": "os", "_io": "io"}

# What a name says that does not only compute: verbs at its beginning, and some whole names.
ACTS = (
    r"(?:read|scan|write|sink|save|load|fetch|open|download|upload|store|export|import|connect"
    r"|execute|eval|exec|run|start|stop|submit|send|post|persist|unpersist|cache|checkpoint"
    r"|show|display|close|print|install)(?:_\w+|[A-Z]\w*|fig|txt|z|mat|s)?"
    r"|savez\w*|imread|imwrite|imsave|imshow|dump(?:_\w+)?|tofile|fromfile|loadtxt|savetxt|unsafe_\w+"
    r"|\w+_(?:from_file|to_file|in_place)|from_file|sleep|input|urlopen|visualize"
    r"|[A-Z]\w*(?:Writer|Reader|File)"
    r"|to_(?:excel|parquet|feather|hdf\w*|sql|pickle|stata|gbq|clipboard|orc|iceberg|delta|netcdf"
    r"|zarr|file|postgis|disk|image|video|table_storage)"
)
_FITS = r"|(?:partial_)?fit(?:_\w+)?|set_\w+"
# The libraries whose functions compute. Each: the names in it that do not, besides `ACTS`.
LIBRARIES: Mapping[str, str] = {
    **dict.fromkeys(
        _words(
            "altair astropy attr attrs cftime cupy cvxpy dateutil geopandas h3 jax jaxlib "
            "keras lightgbm modin narwhals nltk opt_einsum patsy pendulum pint pydantic "
            "pydantic_core pymc pyproj pytz rdkit regex shapely skimage spacy "
            "tabulate tensorflow uncertainties xarray xgboost"
        ),
        _FITS,
    ),
    "bs4": r"|append|clear|decompose|extend|extract|insert\w*|replace_with\w*|smooth|unwrap|wrap"
    r"|setup|reset|feed",
    "dask": _FITS + r"|set|refresh",
    "matplotlib": r"|(?!get|gc[af]$|has|is_|figure$|subplots$|Figure$|Normalize$|contains).+",
    "networkx": r"|add_\w+|remove_\w+|set_\w+|clear\w*|update|relabel_nodes|draw\w*"
    r"|\w+_edge_swap|generate_network_text",
    "numpy": r"|(?:soften|harden|unshare)_mask"
    r"|copyto|put|place|putmask|put_along_axis|fill_diagonal|fill|partition|resize|setf\w+"
    r"|seterr\w*|set_\w+|setbufsize|itemset|byteswap|shuffle|seed|test|fromregex|genfromtxt"
    r"|memmap|DataSource|errstate|printoptions|at",
    "pandas": r"|insert|pop|update|info|(?:set|reset|describe)_option|option_context|hist|boxplot"
    r"|ExcelWriter|ExcelFile|HDFStore|Plot\w+|test",
    "PIL": r"|paste|putpixel|putdata|putalpha|putpalette|thumbnail|seek|tobitmap|grab\w*|verify",
    "plotly": r"|add_\w+|update\w*|append_trace|set_subplots|for_each_\w+|batch_\w+|full_figure\w*",
    "polars": r"|(?:insert|replace)_column|drop_in_place|extend|append|sql\w*|SQLContext|Config"
    r"|scatter|set_\w+|profile|glimpse|remote|(?:en|dis)able_\w+|StringCache",
    "pyarrow": r"|set_\w+|new_\w+|memory_map|OSFile|(?:in|out)put_stream|dataset"
    r"|(?:Local)?FileSystem",
    "pyspark": r"|sql|table|foreach\w*|createOrReplace\w*|createGlobal\w*|createTemp\w*|insertInto"
    r"|register\w*|addFile|addPyFile|text\w*File",
    "scipy": _FITS + r"|rvs",
    "sklearn": _FITS,
    "statsmodels": _FITS + r"|get_rdataset|webuse|remove_data",
    "sympy": r"|sympify|parse_\w+|lambdify|preview|S|SymPy\w*|plot\w*",
    "torch": r"|\w+_|backward|step|train|manual_seed|compile|hub|zero_grad|register\w*|add_\w+"
    r"|set_\w+|apply|half|double|cuda|cpu",
}
# Parts of these libraries that read, draw, or keep a state of their own, such as a random one.
APART = re.compile(
    r"numpy\.random|pandas\.plotting|pandas\.io\.(?!formats|json)|scipy\.datasets|PIL\.ImageDraw|PIL\.ImageGrab|pyspark\.sql\.(?:readwriter|str\w+)"
    r"|torch\.(?:random|hub)|tensorflow\.(?:random|io)|jax\.(?:io|debug)|nltk\.downloader"
    r"|(?!pandas\b|polars\b)\w+\.(?:\w+\.)*io\b"
)
# They give a text where they are told no file.
TEXTS = re.compile(r"to_(?:csv|json|html|latex|string|markdown|xml)|write_(?:csv|json|ndjson)")
FILES = frozenset({"path_or_buf", "path_or_buffer", "buf", "path", "file", "fname"})
IN_PLACE = frozenset(
    {"inplace", "in_place", "out", "overwrite_input", "overwrite_x", "overwrite_a", "overwrite_b",
     "overwrite_data"}
)  # fmt: skip
# Where `copy=False` has the caller's own object changed.
COPIES: Mapping[str, str] = {
    "numpy": "nan_to_num", "networkx": ".*", "sklearn": ".*", "scipy": ".*", "skimage": ".*",
}  # fmt: skip
# Where a file or an array to be written to stands among the positional arguments of a method.
OUT_AT = {"clip": 2, "round": 1, "dot": 1, "cumsum": 2, "cumprod": 2, "take": 2, "choose": 1}

# The methods of Python's own values that change them, or use them up.
CHANGES = _words(
    "append appendleft extend extendleft insert pop popitem popleft remove discard clear update "
    "setdefault sort reverse rotate add difference_update intersection_update subtract "
    "symmetric_difference_update move_to_end fromfile tofile frombytes fromlist fromunicode "
    "byteswap send throw close release"
)
ARRAY_CHANGES = frozenset({"sort", "fill", "resize", "put", "partition", "setflags", "setfield"})
ARRAYS = frozenset({"ndarray", "MaskedArray", "recarray", "matrix"})
BY_NAME = frozenset({"agg", "aggregate", "apply", "transform", "pipe", "map", "applymap"})
PATHS = frozenset({"exists", "is_file", "is_dir", "expanduser", "absolute"})
# In the language of `DataFrame.query` the only calls are these, and those of `.str` and `.dt`.
IN_QUERY = _words(
    "isin isna isnull notna notnull between abs round sqrt sin cos exp log sum mean min max"
)
OWN_API = frozenset({"json", "to_messages", "to_dataframe"})
