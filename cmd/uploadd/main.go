// Command uploadd serves OpenAI's Uploads and Files APIs from a local disk.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	// The data directory may be a volume that others can enter, and SQLite would make
	// its files for everybody to read.
	hideNewFiles()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}
