from .collections import Hashes, Lists, Names, Scores, Sets, Texts
from .geo import Geo, Radius
from .sorted import Sorting, SortedSets
from .streams import Streams
from .strings import BitFields, Bits, HyperLogLogs

FAMILIES = {
    "strings": Texts, "bits": Bits, "fields": BitFields, "hll": HyperLogLogs, "lists": Lists, "sets": Sets,
    "hashes": Hashes, "scores": Scores, "names": Names, "zsets": SortedSets, "sort": Sorting, "geo": Geo,
    "radius": Radius, "streams": Streams,
}
