package app

import "testing"

func TestCollectorIsEasedForSmallHeapsAlone(t *testing.T) {
	for live, want := range map[uint64]int{0: 400, 5 << 20: 400, 8 << 20: 400, 16 << 20: 200, 32 << 20: 100, 1 << 30: 100} {
		got := percent(live)
		if got != want {
			t.Errorf("a heap of %d MB may grow by %d %%, want %d", live>>20, got, want)
		}
		if more := live * uint64(got-usualPercent) / 100; more > smallHeap {
			t.Errorf("a heap of %d MB may take %d MB beyond the usual", live>>20, more>>20)
		}
	}
}
