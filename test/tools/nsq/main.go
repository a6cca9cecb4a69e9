// Command nsq is nsqlookupd, and an nsqd that it knows, as one process on loopback for tests.
package main

import (
	"flag"
	"log"
	"time"

	"github.com/nsqio/nsq/nsqd"
	"github.com/nsqio/nsq/nsqlookupd"
)

func main() {
	data := flag.String("data", "", "where messages are kept")
	lookupTCP := flag.String("lookup-tcp", "", "host:port")
	lookupHTTP := flag.String("lookup-http", "", "host:port")
	tcp := flag.String("tcp", "", "host:port")
	http := flag.String("http", "", "host:port")
	syncEvery := flag.Int64("sync-every", 1, "messages until they are on disk for good, if 20 ms are not over before")
	flag.Parse()

	lookupOptions := nsqlookupd.NewOptions()
	lookupOptions.TCPAddress = *lookupTCP
	lookupOptions.HTTPAddress = *lookupHTTP
	lookup, err := nsqlookupd.New(lookupOptions)
	if err != nil {
		log.Fatal(err)
	}
	go func() { log.Fatal(lookup.Main()) }()

	options := nsqd.NewOptions()
	options.TCPAddress = *tcp
	options.HTTPAddress = *http
	options.HTTPSAddress = ""
	options.BroadcastAddress = "127.0.0.1"
	options.NSQLookupdTCPAddresses = []string{*lookupTCP}
	options.DataPath = *data
	options.MemQueueSize = 0 // all of it on disk: what was published outlives a kill
	options.SyncEvery = *syncEvery
	options.SyncTimeout = 20 * time.Millisecond
	daemon, err := nsqd.New(options)
	if err != nil {
		log.Fatal(err)
	}
	if err := daemon.LoadMetadata(); err != nil {
		log.Fatal(err)
	}
	if err := daemon.PersistMetadata(); err != nil {
		log.Fatal(err)
	}
	log.Fatal(daemon.Main())
}
