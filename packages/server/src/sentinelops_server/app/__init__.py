"""The app: the only room that chooses bodies and starts them. `app.server.Server` is all of it.

Nothing is imported here, so that the command line can ask for the lock or the stores without loading every room.
"""
