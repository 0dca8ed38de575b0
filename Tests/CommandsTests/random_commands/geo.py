"""Commands on places in sorted sets."""
from .family import Family

MEMBERS = ["m%d" % n for n in range(400)]
UNITS = ["m", "km", "ft", "mi", "KM"]


class Places(Family):
    """The order of members at the same place isn't defined: there are none. So distances, which are places near each
    other if read as such, are stored apart."""

    def values(self, server):
        return [server.send([b"ZRANGE", name.encode(), b"0", b"-1", b"WITHSCORES"]) for name in [*self.KEYS, "dist"]]

    def any_key(self):
        return self.random.choice([*self.KEYS, "dist"])

    def place(self, near):
        rnd = self.random
        if near:
            return [repr(rnd.uniform(13, 14)), repr(rnd.uniform(37, 39))]
        if rnd.randrange(100) == 0:
            return [rnd.choice(["180", "-180", "200", "x"]), rnd.choice(["85.05112878", "-85.05112878", "90"])]
        return [repr(rnd.uniform(-180, 180)), repr(rnd.uniform(-85, 85))]

    def add(self):
        rnd = self.random
        words = ["GEOADD", self.key()] + rnd.choice([[], [], ["NX"], ["XX"], ["CH"], ["CH", "XX"], ["NX", "XX"]])
        near = rnd.randrange(2)
        for _ in range(rnd.randrange(1, rnd.choice([4, 40]))):
            place = self.place(near)
            # One member for each corner.
            words += place + ["@" + ",".join(place) if "." not in place[0] else rnd.choice(MEMBERS)]
        return words

    def extras(self):
        rnd = self.random
        # COUNT without ANY: Redis' order of members at the same distance isn't defined, so distances are asked for.
        words = []
        for word in ["WITHCOORD", "WITHDIST", "WITHHASH"]:
            words += [word] if rnd.randrange(2) else []
        return words

    def limits(self):
        rnd = self.random
        words = rnd.choice([[], ["ASC"], ["DESC"]])
        if rnd.randrange(2):
            words = words + ["COUNT", rnd.choice([1, 2, 5, 50, 50, 0])] + rnd.choice([[], ["ANY"]])
        elif rnd.randrange(40) == 0:
            words = words + ["ANY"]
        return words

    def distance(self):
        rnd = self.random
        return repr(rnd.choice([rnd.uniform(0, 100), rnd.uniform(0, 3000), rnd.uniform(0, 30000), 0,
                                10**rnd.randrange(9)]))

    def search(self, store):
        rnd = self.random
        words = ["GEOSEARCHSTORE", self.key(), self.key()] if store else ["GEOSEARCH", self.key()]
        center = (["FROMMEMBER", rnd.choice(MEMBERS)] if rnd.randrange(3) == 0
                  else ["FROMLONLAT"] + self.place(rnd.randrange(2)))
        by = ["BYRADIUS", self.distance()] if rnd.randrange(2) else ["BYBOX", self.distance(), self.distance()]
        parts = [center, by + [rnd.choice(UNITS)], self.limits()]
        if not store or rnd.randrange(40) == 0:
            parts.append(self.extras())
        if store and rnd.randrange(2):
            words[1] = "dist"
            parts.append(["STOREDIST"])
        if rnd.randrange(40) == 0:
            parts.pop(rnd.randrange(len(parts)))
        if rnd.randrange(40) == 0:
            parts.append(rnd.choice([center, by, ["what"], ["STORE", "x"], ["COUNT"]]))
        rnd.shuffle(parts)
        return words + sum(parts, [])


class Geo(Places):
    def command(self):
        rnd = self.random
        kind = rnd.randrange(20)
        if kind < 4:
            return self.add()
        if kind == 4:
            # Scores that are no places; what they are read as may be one place for two of them.
            score = rnd.choice(["-1", "1e300", "5.5", "9e15"])
            return rnd.choice([["DEL", self.key()], ["ZREM", self.key(), rnd.choice(MEMBERS)], ["ZCARD", self.key()],
                               ["ZADD", rnd.choice([self.key(), "dist"]), score, "@" + score]])
        if kind == 5:
            unit = rnd.choice([[], ["km"], ["x"], ["mi"]])
            return ["GEODIST", self.any_key(), rnd.choice(MEMBERS), rnd.choice(MEMBERS)] + unit
        if kind < 8:
            members = [rnd.choice(MEMBERS) for _ in range(rnd.randrange(9))]
            return [rnd.choice(["GEOPOS", "GEOHASH"]), self.any_key()] + members
        return self.search(kind > 17)


class Radius(Places):
    def command(self):
        rnd = self.random
        if rnd.randrange(6) == 0:
            return self.add()
        around = rnd.randrange(2)
        name = ["GEORADIUS", "GEORADIUSBYMEMBER"][around] + rnd.choice(["", "", "_RO"])
        words = [name, self.key()] + (self.place(rnd.randrange(2)) if around == 0 else [rnd.choice(MEMBERS)])
        words += [self.distance(), rnd.choice(UNITS + ["x"] if rnd.randrange(20) == 0 else UNITS)]
        parts = [self.limits()]
        if rnd.randrange(3) == 0:
            parts.append(rnd.choice([["STORE", self.key()], ["STOREDIST", "dist"]]))
        else:
            parts.append(self.extras())
        rnd.shuffle(parts)
        return words + sum(parts, [])
