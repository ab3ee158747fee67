package verify_test

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"

	"symbolon.dev"
	"symbolon.dev/verify"
)

// A service that takes opaque tokens and JWTs, and refuses what was revoked within a second.
func Example() {
	client := verify.Client{Issuer: "https://id.example", ID: "orders", Secret: symbolon.NewSecret(os.Getenv("ORDERS_SECRET"))}
	tokens, err := verify.NewTokenSource(client, client.Issuer+"/ssf", "ssf.manage", "ssf.read")
	if err != nil {
		log.Fatal(err)
	}
	feed, err := verify.NewReceiver(verify.ReceiverOptions{Issuer: client.Issuer, Tokens: tokens})
	if err != nil {
		log.Fatal(err)
	}
	v, err := verify.New(verify.Options{Issuer: client.Issuer, Audience: "https://orders.example",
		ClientID: client.ID, ClientSecret: client.Secret, Receiver: feed})
	if err != nil {
		log.Fatal(err)
	}
	go func() { _ = feed.Run(context.Background()) }()

	orders := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		claims, _ := verify.FromContext(r.Context())
		_, _ = fmt.Fprintf(w, "orders of %s", claims.Subject)
	})
	mux := http.NewServeMux()
	mux.Handle("GET /orders", v.Middleware("orders.read")(orders))
	mux.Handle("DELETE /orders", v.Require(verify.Rule{Scopes: []string{"orders.write"}, ACR: symbolon.ACRPhishing})(orders))
	log.Fatal(http.ListenAndServe(":8080", mux))
}
