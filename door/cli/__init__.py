"""The sub-commands of `./qiantai`: thin roads to what the rooms below can do."""
