"""``python -m datagen``."""

import sys

try:
    from datagen.cli import main

    code = main()
except KeyboardInterrupt:  # Ctrl-C before the command could prepare for it
    code = 130
sys.exit(code)
