# The server as a part of somebody's own Twisted process:
#
#     twistd -ny imailpy.tac
#
# The configuration is read from IMAILPY_CONFIG, or from /etc/imailpy.
import os

from twisted.application.service import Application

from imailpy.tap import make_service

application = Application("imailpy")
make_service(
    os.environ.get("IMAILPY_CONFIG", "/etc/imailpy/imailpy.toml")
).setServiceParent(application)
