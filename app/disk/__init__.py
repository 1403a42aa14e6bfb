"""The Disk page: what everything takes, what can go, and copies of the votes."""
