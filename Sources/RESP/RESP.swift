// RESP: the wire protocol, versions 2 and 3, without any socket.
//
// `RequestParser` turns the bytes of one connection into requests and fills a `RequestBatch` with them: up to 256
// requests whose arguments are views into the query buffer. It remembers where it stood in a request that has not
// come completely, so that every byte is looked at once, however the bytes are cut. Limits and error texts are those of
// Redis 7 (`ProtocolError`).
//
// `ReplyWriter` is the other direction: replies are written into one growable run of memory that its owner (an event
// loop) sends and reuses. Large shared values stay outside as references (`External`) and are sent from where they are.
//
// `ErrorText` holds every error a client can see.
