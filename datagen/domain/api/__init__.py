"""The API as it is told: shapes, routes, who may call them, and an example of each."""
