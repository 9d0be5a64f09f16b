"""``python -m ssl_teach``: the command line, which ends quietly if interrupted while it loads."""

import sys

try:
    from ssl_teach.command_line import main
except KeyboardInterrupt:  # the libraries take some seconds
    print("\nstopped; nothing was done", file=sys.stderr)
    raise SystemExit(130) from None

if __name__ == "__main__":
    raise SystemExit(main())
