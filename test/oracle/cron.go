package main

import (
	"encoding/json"
	"time"
	_ "time/tzdata"

	"github.com/robfig/cron/v3"
)

func init() { dialects["cron"] = runCron }

// In: schedule, zone, after (milliseconds since 1970), count. Out: the next ticks (milliseconds since 1970).
func runCron(request []byte) (any, error) {
	var in struct {
		Schedule string `json:"schedule"`
		Zone     string `json:"zone"`
		After    int64  `json:"after"`
		Count    int    `json:"count"`
	}
	if err := json.Unmarshal(request, &in); err != nil {
		return nil, err
	}
	parser := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)
	schedule, err := parser.Parse(in.Schedule)
	if err != nil {
		return nil, err
	}
	zone, err := time.LoadLocation(in.Zone)
	if err != nil {
		return nil, err
	}
	ticks := []int64{}
	for at := time.UnixMilli(in.After).In(zone); len(ticks) < in.Count; {
		if at = schedule.Next(at); at.IsZero() {
			break
		}
		ticks = append(ticks, at.UnixMilli())
	}
	return ticks, nil
}
