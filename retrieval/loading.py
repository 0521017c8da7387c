"""The lock that whoever loads a model with transformers holds: while it loads one, it changes PyTorch for all threads.

An encoder and a chat model that were loaded at once ended with weights that were never read.
"""

import threading

LOADING = threading.Lock()
