package main

import (
	"errors"
	"os"
)

const shared, exclusive, atOnce = 0, 0, 0

func flock(*os.File, int) error { return refusePlatform() }

func hideNewFiles() {}

// refusePlatform says why stores cannot be opened on this system.
func refusePlatform() error {
	return errors.New("uploadd keeps data on Linux and macOS only, because Windows does not flush directories: run it there, in WSL or in a container. On Windows there are the commands that ask servers, and the program upload, which sends files to them")
}
