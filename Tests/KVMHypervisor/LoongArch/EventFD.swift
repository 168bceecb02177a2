import CSystem

/// A new eventfd, non-blocking.
func atollEventFD() -> Int32 { atoll_eventfd() }
