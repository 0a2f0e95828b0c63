"""The sample company: a generator that writes the same bytes every time, from `sample_data/*.yaml`.

Each connector package may have a module `sample` with `write(estate, folder, accounts)` that writes the company's files in the
provider's own format and returns control totals (or None where it writes no bill).
"""

from finops.sample.build import EXPORT, build, differences, folder

__all__ = ["EXPORT", "build", "differences", "folder"]
