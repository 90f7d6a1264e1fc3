package main

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"time"

	"github.com/alecthomas/kong"
	"github.com/dustin/go-humanize"
)

// size is a number of bytes, on the command line with a unit.
type size int64

func (s size) String() string { return humanize.IBytes(uint64(s)) }

var typeOfSize = reflect.TypeFor[size]()

func decodeSize(c *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := c.Scan.PopValueInto("size", &text); err != nil {
		return err
	}
	n, err := humanize.ParseBytes(text)
	if err != nil || n == 0 || n > math.MaxInt64 {
		return fmt.Errorf("'%s' is not a size: write it like 64MiB", text)
	}
	target.SetInt(int64(n))
	return nil
}

// span is a duration that may also be written in days, which have 24 hours.
type span time.Duration

var typeOfSpan = reflect.TypeFor[span]()

func decodeSpan(c *kong.DecodeContext, target reflect.Value) error {
	var text string
	if err := c.Scan.PopValueInto("duration", &text); err != nil {
		return err
	}
	d, err := parseSpan(text)
	if err != nil {
		return err
	}
	target.SetInt(int64(d))
	return nil
}

func parseSpan(text string) (time.Duration, error) {
	const day = 24 * time.Hour
	d, err := time.ParseDuration(text)
	if n := len(text) - 1; err != nil && n > 0 && text[n] == 'd' {
		var days float64
		if days, err = strconv.ParseFloat(text[:n], 64); err == nil {
			if !(days < float64(math.MaxInt64/day)) {
				return 0, fmt.Errorf("'%s' is too long", text)
			}
			d = time.Duration(days * float64(day))
		}
	}
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("'%s' is not a duration: write it like 90s, 24h or 30d", text)
	}
	return d, nil
}
