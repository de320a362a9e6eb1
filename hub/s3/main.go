// Command s3 serves a folder over S3: the Versity gateway with one backend,
// plain files. An object is written beside its place and linked into it when
// it is whole, and a body must match the digest its request was signed with.
// The keys come from the environment, where a process list does not show them.
package main

import (
	"context"
	"flag"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/versity/versitygw/backend/meta"
	"github.com/versity/versitygw/backend/posix"
	"github.com/versity/versitygw/embedgw"
)

func main() {
	addr := flag.String("addr", "127.0.0.1:9000", "address to listen on")
	health := flag.String("health", "/healthz", "path that answers without a signature")
	flag.Usage = func() {
		log.Print("usage: ROOT_ACCESS_KEY=... ROOT_SECRET_KEY=... s3 [flags] FOLDER")
		flag.PrintDefaults()
	}
	log.SetFlags(0)
	flag.Parse()
	if flag.NArg() != 1 {
		flag.Usage()
		os.Exit(2)
	}
	if err := serve(*addr, *health, flag.Arg(0)); err != nil {
		log.Fatalf("s3: %v", err)
	}
}

func serve(addr, health, folder string) error {
	// The backend changes into the folder before it opens it by name.
	folder, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	// Object metadata lives in extended attributes: say at once if the
	// folder's file system has none.
	store := meta.XattrMeta{}
	if err := store.Test(folder); err != nil {
		return err
	}
	backend, err := posix.New(folder, store, posix.PosixOpts{
		NewDirPerm:          0o755,
		Concurrency:         256,
		CopyObjectThreshold: 5 << 30,
	})
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	return embedgw.RunVersityGW(ctx, backend, &embedgw.Config{
		RootUserAccess:    os.Getenv("ROOT_ACCESS_KEY"),
		RootUserSecret:    os.Getenv("ROOT_SECRET_KEY"),
		Ports:             []string{addr},
		HealthPath:        health,
		MaxConnections:    4096,
		MaxRequests:       1024,
		MultipartMaxParts: 10000,
		KeepAlive:         true,
		Quiet:             true,
		DisableACLs:       true,
	})
}
