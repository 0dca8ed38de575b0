// Frontend: connections and the loops they live on.
//
// A `LoopGroup` has N `EventLoop`s, one thread each, with their own listeners (SO_REUSEPORT), epoll set and
// connections. A connection lives and dies on one loop; only that loop reads, writes or frees what belongs to it. Other
// threads speak to a loop through its `Inbox`: a job, or "resume this connection".
//
// One turn of a loop: wait for events; for each ready connection one read, parse, execute, one write; then what the
// inbox holds, connections that had more to read than one turn allows, and outputs that others have added to; every 100
// ms the tick. So a connection gets a bounded share of a turn whatever it sends.
//
// The way of a request, one in flight per connection: `recv` into the loop's own 64 KiB, where the requests are
// parsed in place; `FrontendService.execute` once per batch; the replies, in the loop's own writer, leave with one
// `send`. Only what can't go on owns memory: bytes of a request that has not come completely (`ConnectionState.query`),
// and output that the socket would not take (`ConnectionState.pending`). No epoll_ctl per request: sockets are watched
// edge-triggered for everything, once. An edge-triggered socket must be read until it is empty; a short read says so
// without another call, and after a full one the connection is put on the loop's list for the next turn.
//
// A request that can't run yet parks its connection: the replies before it leave, its bytes and all behind them are
// kept, nothing more is read, until `EventLoop.resume`. Then parsing starts again at that request. A resume travels
// through the inbox and is looked at by the loop's own thread, after the `execute` that parked: so it can't come too
// early. It may come once too often; the request is then tried in vain and parks again.
