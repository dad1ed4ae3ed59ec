"""Settings, environment, routes, processes, engines and the demo: the outermost room of the house."""
