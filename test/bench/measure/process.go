package measure

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// Peak is the most memory that a process ever had resident, in bytes.
func Peak(pid int) (int64, error) {
	kib, err := field(fmt.Sprintf("/proc/%d/status", pid), "VmHWM")
	return kib << 10, err
}

// Read is how many bytes a process has read, from wherever, by its own count of calls.
func Read(pid int) (int64, error) { return field(fmt.Sprintf("/proc/%d/io", pid), "rchar") }

// field is a number in a file of lines "name: number".
func field(path, name string) (int64, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if key, value, _ := strings.Cut(line, ":"); key == name {
			return strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 64)
		}
	}
	return 0, fmt.Errorf("%s does not tell %s", path, name)
}
