package main

// doctorCmd has nothing to try where nothing is kept.
type doctorCmd struct{ serveFlags }

func (c *doctorCmd) Run(*environment) error { return refusePlatform() }
