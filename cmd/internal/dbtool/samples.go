package dbtool

import (
	"math"
	"math/rand/v2"
	"time"

	"multiproc/store"
)

// sampleAPIs are the gateways of sample transactions, as they are found in Kenya.
var sampleAPIs = []struct {
	name, description, params string
	share                     int     // of all transactions, in relation to the other shares
	median                    float64 // of the amounts
	places                    int     // decimal places of the amounts
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

var sampleStatuses = []struct {
	name, description string
	share             int           // of all transactions, in relation to the other shares
	after             time.Duration // mean time from a transaction's creation to this status
}{
	{"Processed", "Completed: the money has been transferred.", 860, 9 * time.Second},
	{"Failed", "Refused: wrong PIN, insufficient funds or cancelled.", 70, 14 * time.Second},
	{"Pending", "Accepted and waiting for the gateway.", 30, 0},
	{"TimedOut", "The gateway did not answer in time.", 28, 65 * time.Second},
	{"Processing", "Being processed by the gateway.", 12, 2 * time.Second},
}

// sampler generates random transactions from the oldest to the newest. The same seed and number give the same transactions,
// relative to now.
type sampler struct {
	rand *rand.Rand
	now  time.Time
	left int     // transactions still to generate
	done float64 // share of the day's transactions up to the last one
}

func newSampler(seed uint64, now time.Time, n int) *sampler {
	return &sampler{rand: rand.New(rand.NewPCG(seed, 0)), now: now, left: n}
}

// next returns the next n transactions, or as many as are left.
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
	// The smallest of the remaining uniform random numbers, drawn without generating the others.
	s.done = 1 - (1-s.done)*math.Pow(s.rand.Float64(), 1/float64(s.left))
	s.left--
	modified := s.now.Add(-24*time.Hour + time.Duration(timeOfDay(s.done)*float64(24*time.Hour)))
	return store.Transaction{
		API:    api.name,
		Status: status.name,
		Amount: s.amount(api.median, api.places),
		// The window of 24 hours is one of modifications.
		Created:  modified.Add(-time.Duration(s.rand.ExpFloat64() * float64(status.after))),
		Modified: modified,
	}
}

// timeOfDay returns the share of a day that has passed when this share of its transactions is done, both from 0 to 1. The
// nineteenth hour is the busiest, with nine times the transactions of the quietest.
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

// choose returns a random number below n with probabilities in proportion to the shares.
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

// amount returns a random amount: two thirds of them lie between a third of the median and three times the median.
func (s *sampler) amount(median float64, places int) store.Amount {
	unit := math.Pow10(4 - places)
	value := median * math.Exp(1.1*s.rand.NormFloat64()) * 1e4
	return store.Amount(max(1, math.Round(value/unit)) * unit)
}
