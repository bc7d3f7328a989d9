package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

// verdict is the part of the response of keys.verifyKey that this application uses.
type verdict struct {
	Valid      bool        `json:"valid"`
	Code       string      `json:"code"`
	Ratelimits []ratelimit `json:"ratelimits"`
	Identity   struct {
		ExternalID string `json:"externalId"`
	} `json:"identity"`
}

type ratelimit struct {
	Exceeded bool  `json:"exceeded"`
	Reset    int64 `json:"reset"`    // Unix time in milliseconds
	Duration int64 `json:"duration"` // in milliseconds
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
		problem, _ := io.ReadAll(io.LimitReader(response.Body, 10_000)) // the server's description of the error
		return envelope.Data, fmt.Errorf("keys.verifyKey returned %s: %s", response.Status, problem)
	}
	err = json.NewDecoder(response.Body).Decode(&envelope)
	return envelope.Data, err
}

type verifiedKey struct{}

// requireKey wraps a handler. Only requests with a valid key reach it; it finds the verdict in the request's context.
func requireKey(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		key, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
		if !found {
			w.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(w, "The key is missing.", http.StatusUnauthorized)
			return
		}
		verdict, err := verify(r.Context(), key)
		if err != nil {
			log.Print("The Latchkey server did not verify a key: ", err)
			w.Header().Set("Retry-After", "1")
			http.Error(w, "Keys cannot be verified at the moment. Try again.", http.StatusServiceUnavailable)
			return
		}
		if !verdict.Valid {
			refuse(w, verdict)
			return
		}
		next(w, r.WithContext(context.WithValue(r.Context(), verifiedKey{}, verdict)))
	}
}

func refuse(w http.ResponseWriter, verdict verdict) {
	status := http.StatusForbidden
	switch verdict.Code {
	case "RATE_LIMITED":
		status = http.StatusTooManyRequests
		w.Header().Set("Retry-After", strconv.FormatInt(secondsToWait(verdict.Ratelimits), 10))
	case "NOT_FOUND", "EXPIRED":
		status = http.StatusUnauthorized
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
	}
	http.Error(w, "The key was refused: "+verdict.Code+".", status)
}

// secondsToWait returns the seconds until no limit is exceeded: at most its window for each, even if the two clocks differ.
func secondsToWait(limits []ratelimit) int64 {
	longest := int64(1)
	for _, limit := range limits {
		if limit.Exceeded {
			left := min(limit.Reset-time.Now().UnixMilli(), limit.Duration)
			longest = max(longest, (left+999)/1000)
		}
	}
	return longest
}

func documents(w http.ResponseWriter, r *http.Request) {
	user := r.Context().Value(verifiedKey{}).(verdict).Identity.ExternalID
	body, _ := json.Marshal(map[string]string{"hello": user}) // never fails for a map of strings
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
