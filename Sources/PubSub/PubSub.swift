// PubSub: who has subscribed to what, and the way of a message to the event loops of its subscribers.
//
// The layer below knows connections, the one above commands; this one knows neither. A `Subscriber` is what a
// connection shows of itself here; a `Posting` is a message in the form in which it is sent; `SubscriptionRegistry`
// has the channels and patterns of all loops, and a `Mailbox` for each loop. Its head says why messages come in
// order and are counted exactly.
