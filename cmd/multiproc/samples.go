package main

import (
	"math"
	"math/rand/v2"
	"time"

	"multiproc/store"
)

// sampleAPIs are what sample transactions are made through: gateways as they are found in Kenya.
var sampleAPIs = []struct {
	name, description, params string
	share                     int     // of all transactions, relative to the others'
	median                    float64 // of the amounts
	places                    int     // of the amounts
}{
	{
		"Mpesa Express", "Prompts the customer to pay by PIN on the phone (STK push).",
		`{"BusinessShortCode": "174379", "TransactionType": "CustomerPayBillOnline", "timeout": 60}`, 46, 850, 0,
	},
	{
		"Mpesa C2B", "The customer pays to a till or a paybill number.",
		`{"ShortCode": "600984", "ResponseType": "Completed", "CommandID": "CustomerPayBillOnline"}`, 22, 1200, 0,
	},
	{
		"Mpesa B2C", "Pays out to a customer's phone.",
		`{"InitiatorName": "api", "PartyA": "600998", "CommandID": "BusinessPayment"}`, 12, 2500, 0,
	},
	{
		"Airtel Money", "Collects from an Airtel wallet.",
		`{"country": "KE", "currency": "KES"}`, 9, 600, 0,
	},
	{
		"Card", "Visa and Mastercard, with 3-D Secure.",
		`{"currency": "KES", "capture": true, "three_d_secure": "required"}`, 8, 3400, 2,
	},
	{
		"Bank transfer", "To and from bank accounts (PesaLink).",
		`{"currency": "KES", "scheme": "PesaLink"}`, 3, 24000, 2,
	},
}

// sampleStatuses are the statuses of sample transactions.
var sampleStatuses = []struct {
	name, description string
	share             int           // of all transactions, relative to the others'
	after             time.Duration // its creation a transaction gets it, in the mean; 0: with it
}{
	{"Processed", "Done: the money has moved.", 860, 9 * time.Second},
	{"Failed", "Refused: wrong PIN, no funds, cancelled.", 70, 14 * time.Second},
	{"Pending", "Accepted, and waiting for the gateway.", 30, 0},
	{"TimedOut", "The gateway has not answered in time.", 28, 65 * time.Second},
	{"Processing", "At the gateway.", 12, 2 * time.Second},
}

// sampler makes transactions by chance, from the oldest to the newest, as they would have come. For a seed and a number
// they are the same each time, but for the time.
type sampler struct {
	rand *rand.Rand
	now  time.Time
	left int     // to come
	done float64 // share of a day's transactions that were there up to the last one
}

func newSampler(seed uint64, now time.Time, n int) *sampler {
	return &sampler{rand: rand.New(rand.NewPCG(seed, 0)), now: now, left: n}
}

// next makes the next n, or as many as are left.
func (s *sampler) next(n int) []store.Transaction {
	batch := make([]store.Transaction, min(n, s.left))
	for i := range batch {
		batch[i] = s.transaction()
	}
	return batch
}

func (s *sampler) transaction() store.Transaction {
	api := sampleAPIs[s.choose(len(sampleAPIs), func(i int) int { return sampleAPIs[i].share })]
	status := sampleStatuses[s.choose(len(sampleStatuses), func(i int) int { return sampleStatuses[i].share })]
	// The smallest of all that are left, which need not be known for it.
	s.done = 1 - (1-s.done)*math.Pow(s.rand.Float64(), 1/float64(s.left))
	s.left--
	modified := s.now.Add(-24*time.Hour + time.Duration(timeOfDay(s.done)*float64(24*time.Hour)))
	return store.Transaction{
		API:    api.name,
		Status: status.name,
		Amount: s.amount(api.median, api.places),
		// It is the modification that counts for the last 24 hours.
		Created:  modified.Add(-time.Duration(s.rand.ExpFloat64() * float64(status.after))),
		Modified: modified,
	}
}

// timeOfDay is after how much of a day so much of its transactions were there, both from 0 to 1. The curve is that of a
// day whose busiest hour, with nine times the transactions of the quietest, is the nineteenth.
func timeOfDay(done float64) float64 {
	const busiest = 0.75
	begin, end := 0.0, 1.0
	for range 40 { // to a tenth of a microsecond
		middle := (begin + end) / 2
		if middle+0.8*(math.Sin(2*math.Pi*(middle-busiest))+math.Sin(2*math.Pi*busiest))/(2*math.Pi) < done {
			begin = middle
		} else {
			end = middle
		}
	}
	return end
}

// choose gives one of n, each as often as its share says.
func (s *sampler) choose(n int, share func(i int) int) int {
	total := 0
	for i := range n {
		total += share(i)
	}
	at := s.rand.IntN(total)
	for i := range n {
		if at -= share(i); at < 0 {
			return i
		}
	}
	panic("BUG: shares do not add up")
}

// amount is around the median: two thirds lie between a third of it and three times as much.
func (s *sampler) amount(median float64, places int) store.Amount {
	unit := math.Pow10(4 - places)
	value := median * math.Exp(1.1*s.rand.NormFloat64()) * 1e4
	return store.Amount(max(1, math.Round(value/unit)) * unit)
}
