// Command caddy is Caddy with only what a plain HTTP reverse proxy needs: its
// HTTP server, the reverse proxy, and what these bring along, the Caddyfile
// among it. Templates, file server, compression, tracing and ACME server are
// left out.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"

	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp"
	_ "github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"
)

func main() {
	caddycmd.Main()
}
