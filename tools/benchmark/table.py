"""Tables for people."""


def number(value, digits=2):
    if value is None:
        return "-"
    if isinstance(value, str):
        return value
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.{digits}f}"


def mib(value):
    return "-" if value is None else f"{value / (1 << 20):,.0f} MiB"


def show(title, head, rows):
    cells = [list(map(str, head))] + [[number(cell) for cell in row] for row in rows]
    widths = [max(len(row[at]) for row in cells) for at in range(len(head))]
    print(f"\n{title}")
    for at, row in enumerate(cells):
        print("  ".join(cell.ljust(width) if place == 0 else cell.rjust(width)
                        for place, (cell, width) in enumerate(zip(row, widths))).rstrip())
        if at == 0:
            print("  ".join("-" * width for width in widths))
    print(flush=True)
