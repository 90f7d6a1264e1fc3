// Command upload sends files to uploadd, to OpenAI or to Azure, and fetches,
// lists and deletes them there.
package main

import "os"

func main() { os.Exit(run(os.Args[1:], system())) }
