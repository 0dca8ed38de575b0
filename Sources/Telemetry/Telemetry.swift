// Telemetry: what the server knows about its own running.
//
// - `Log`: the log file, in Redis' line format.
// - `CounterRegistry` and `CounterBlock`: events counted per thread, summed when somebody asks.
// - `CommandStatisticsRegistry` and `CommandStatisticsBlock`: calls, time and `LatencyHistogram` per command, the
//   same way.
// - `InstantaneousRates`: what INFO shows per second.
// - `SlowLog`: SLOWLOG's ring. `LatencyMonitor`: LATENCY's time series, `Sparkline` and doctor.
//
// What runs per command is a relaxed load and store by the thread that owns the counter: no locked instruction, no
// shared cache line. The rest takes a `Monitor` and happens when a person or a slow event asks for it.
