package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"time"
)

// verdict is the part of the response of keys.verifyKey that this application uses.
type verdict struct {
	Valid    bool   `json:"valid"`
	Code     string `json:"code"`
	Identity struct {
		ExternalID string `json:"externalId"`
	} `json:"identity"`
}

var client = &http.Client{Timeout: time.Second}

func verify(ctx context.Context, key string) (verdict, error) {
	var envelope struct {
		Data verdict `json:"data"`
	}
	body, err := json.Marshal(map[string]string{"key": key})
	if err != nil {
		return envelope.Data, err
	}
	url := os.Getenv("LATCHKEY_URL") + "/v2/keys.verifyKey"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return envelope.Data, err
	}
	request.Header.Set("Authorization", "Bearer "+os.Getenv("LATCHKEY_ROOT_KEY"))
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return envelope.Data, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return envelope.Data, fmt.Errorf("keys.verifyKey returned %s", response.Status)
	}
	err = json.NewDecoder(response.Body).Decode(&envelope)
	return envelope.Data, err
}

type verifiedKey struct{}

// requireKey passes requests with a valid key on to the handler, which finds the verdict in the context.
func requireKey(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !found {
			http.Error(w, "The key is missing.", http.StatusUnauthorized)
			return
		}
		verdict, err := verify(r.Context(), key)
		if err != nil {
			log.Print(err)
			http.Error(w, "Keys cannot be verified now.", http.StatusServiceUnavailable)
			return
		}
		if !verdict.Valid {
			http.Error(w, "The key was refused: "+verdict.Code+".", statusOf(verdict.Code))
			return
		}
		next(w, r.WithContext(context.WithValue(r.Context(), verifiedKey{}, verdict)))
	}
}

func statusOf(code string) int {
	switch code {
	case "RATE_LIMITED":
		return http.StatusTooManyRequests
	case "NOT_FOUND", "EXPIRED":
		return http.StatusUnauthorized
	default:
		return http.StatusForbidden
	}
}

func documents(w http.ResponseWriter, r *http.Request) {
	user := r.Context().Value(verifiedKey{}).(verdict).Identity.ExternalID
	body, _ := json.Marshal(map[string]string{"hello": user}) // cannot fail
	w.Header().Set("Content-Type", "application/json")
	w.Write(body)
}

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "3000"
	}
	http.HandleFunc("GET /documents", requireKey(documents))
	log.Fatal(http.ListenAndServe("127.0.0.1:"+port, nil))
}
