"""Assembles the apps: settings, addresses, processes.

Imports nothing: the engines and `bin/run` use modules of this package before there are any
settings. The Celery application is loaded by `ConfigConfig.ready`.
"""
