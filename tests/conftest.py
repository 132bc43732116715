pytest_plugins = ["sevenfold.capture", "pytester"]
