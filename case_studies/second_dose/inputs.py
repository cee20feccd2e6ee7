"""The figures that the study needs, each with its source.

All of them are those of Romero-Brufau et al., "Public health impact of delaying second dose of BNT162b2 or mRNA-1273
covid-19
vaccine: simulation agent based modeling study", BMJ 2021;373:n1087, doi:10.1136/bmj.n1087, and of the program and
parameter files that its authors archived. Facts and figures only; no code.
"""

from types import MappingProxyType

SOURCE = "Romero-Brufau et al., BMJ 2021;373:n1087, doi:10.1136/bmj.n1087"

STAGES = (
    "susceptible",
    "asymptomatic",
    "presymptomatic_mild",
    "presymptomatic_severe",
    "mild",
    "severe",
    "hospitalised",
    "icu",
    "death",
    "hospital_recovering",
    "recovered",
)
SUSCEPTIBLE, ASYMPTOMATIC, _, _, MILD, SEVERE, HOSPITALISED, _, DEATH, _, RECOVERED = range(len(STAGES))

AGES = ("0-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "70-79", "80+")
CHILD, ADULT, ELDERLY = range(3)
BAND_OF_AGE = (CHILD, CHILD, ADULT, ADULT, ADULT, ADULT, ADULT, ELDERLY, ELDERLY)

# King County, Washington: persons by age group (sum 2,252,784) and shares of households by size.
KING_COUNTY_AGES = MappingProxyType(
    dict(zip(AGES, (278073, 258328, 317005, 359688, 323457, 307938, 229274, 109487, 69534), strict=True))
)
HOUSEHOLD_SIZES = (
    0.3404992742325125,
    0.3175985424643815,
    0.143990614165864,
    0.11976146407425071,
    0.04672432112547242,
    0.03142578393751882,
)

# Sector -> (share of adults of 20-69 years, mean contacts a day). Children and the elderly have a class of their own.
OCCUPATIONS = MappingProxyType(
    {
        "agriculture": (0.002074760790673804, 14.0),
        "mining": (0.0003245727393860931, 7.0),
        "utilities": (0.001516673098112025, 7.0),
        "construction": (0.05915129446861781, 7.0),
        "manufacturing": (0.08219465441221938, 7.0),
        "wholesale": (0.04930452985090788, 1.75),
        "retail": (0.13041196995040874, 4.69),
        "transportation": (0.04084346122908182, 8.75),
        "information": (0.09747122874002898, 1.75),
        "finance": (0.03305945551618415, 4.69),
        "real estate": (0.02318190345213374, 3.5),
        "scientific": (0.10423168231738673, 3.5),
        "enterprise": (0.024660222697601267, 3.5),
        "waste": (0.05820471094892911, 5.6),
        "education": (0.01920667012634072, 2.31),
        "healthcare": (0.12431866468061546, 19.95),
        "art": (0.0206622901528962, 3.5),
        "food": (0.09149063683310935, 5.46),
        "other": (0.03769061799536675, 4.69),
    }
)
CONTACTS_OF_CHILD, CONTACTS_OF_ELDERLY = 10.0, 3.0
RANDOM_CONTACTS = (2.0, 4.0, 3.0)  # mean and standard deviation of random contacts: child, adult, elderly
REWIRED = 0.1  # share of rewired edges of an occupation's ring

# Transmission.
R = 5.02
SUSCEPTIBILITY = (0.35, 0.69, 1.03, 1.03, 1.03, 1.03, 1.27, 1.52, 1.52)
INFECTIOUSNESS = (0.0, 0.33, 0.05, 0.05, 0.72, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0)  # by current stage
NETWORK_WEIGHT = MappingProxyType({"household": 2.0, "occupation": 1.0, "random": 0.25})
GENERATION_MEAN, GENERATION_SD = 5.5, 2.14  # gamma-distributed days since infection

# Stage graph: source, target, probability by age group.
BRANCHES: tuple[tuple[str, str, tuple[float, ...]], ...] = (
    ("susceptible", "asymptomatic", (0.456, 0.412, 0.37, 0.332, 0.296, 0.265, 0.238, 0.214, 0.192)),
    ("susceptible", "presymptomatic_mild", (0.533, 0.569, 0.597, 0.614, 0.616, 0.602, 0.571, 0.523, 0.461)),
    ("susceptible", "presymptomatic_severe", (0.011, 0.019, 0.033, 0.054, 0.088, 0.133, 0.191, 0.263, 0.347)),
    ("asymptomatic", "recovered", (1.0,)),
    ("presymptomatic_mild", "mild", (1.0,)),
    ("mild", "recovered", (1.0,)),
    ("presymptomatic_severe", "severe", (1.0,)),
    ("severe", "hospitalised", (0.001, 0.006, 0.015, 0.069, 0.219, 0.279, 0.37, 0.391, 0.379)),
    ("severe", "recovered", (0.999, 0.994, 0.985, 0.931, 0.781, 0.721, 0.63, 0.609, 0.621)),
    ("hospitalised", "icu", (0.05, 0.05, 0.045, 0.045, 0.0504, 0.0976, 0.1096, 0.1728, 0.03545)),
    ("hospitalised", "death", (0.0, 0.0, 0.005, 0.005, 0.0126, 0.0244, 0.1644, 0.2592, 0.67355)),
    ("hospitalised", "recovered", (0.95, 0.95, 0.95, 0.95, 0.937, 0.878, 0.726, 0.568, 0.291)),
    ("icu", "death", (0.33, 0.25, 0.5, 0.5, 0.5, 0.69, 0.65, 0.88, 1.0)),
    ("icu", "hospital_recovering", (0.67, 0.75, 0.5, 0.5, 0.5, 0.31, 0.35, 0.12, 0.0)),
    ("hospital_recovering", "recovered", (1.0,)),
)

# Days in the source stage: mean and standard deviation of a gamma distribution; no deviation: the whole days beside
# the mean.
TIMES = MappingProxyType(
    {
        ("asymptomatic", "recovered"): (15.0, 5.0),
        ("presymptomatic_mild", "mild"): (5.42, 2.7),
        ("mild", "recovered"): (12.0, 5.0),
        ("presymptomatic_severe", "severe"): (5.42, 2.7),
        ("severe", "hospitalised"): (5.14, None),
        ("severe", "recovered"): (12.0, 5.0),
        ("hospitalised", "icu"): (2.27, None),
        ("hospitalised", "death"): (2.27, None),
        ("hospitalised", "recovered"): (8.75, 8.75),
        ("icu", "death"): (11.74, 8.79),
        ("icu", "hospital_recovering"): (18.8, 12.21),
        ("hospital_recovering", "recovered"): (8.75, 8.75),
    }
)

# First cases per 100,000: (stage, age group as the archived population had it).
FIRST_CASES = (
    ("asymptomatic", 1),
    ("asymptomatic", 6),
    ("asymptomatic", 5),
    ("presymptomatic_mild", 7),
    ("presymptomatic_mild", 7),
)

# Replicates in the authors' archive, 100,000 agents, 180 days, 333 doses a day, vaccine not sterilizing:
# (schedule, first-dose efficacy) -> deaths and infections per 100,000 of each replicate.
ARCHIVE = MappingProxyType(
    {
        ("none", None): (
            (576, 610, 615, 653, 628, 667, 650, 654, 590, 643),
            (77571, 77791, 77750, 77655, 77923, 77776, 77936, 77730, 77544, 78098),
        ),
        ("standard", 0.9): (
            (219, 214, 227, 225, 236, 237, 185, 216, 242, 274),
            (73820, 74311, 73739, 73239, 73987, 73499, 72765, 74077, 73770, 74365),
        ),
        ("delayed", 0.9): (
            (166, 186, 155, 165, 202, 194, 203, 163, 241, 172),
            (71322, 71135, 70692, 72004, 72852, 71640, 72051, 70121, 72842, 70441),
        ),
        ("standard", 0.8): (
            (224, 241, 233, 234, 185, 223, 223, 243, 240),
            (73654, 74138, 73697, 74291, 72551, 73962, 74128, 73677, 74448),
        ),
        ("delayed", 0.8): (
            (234, 191, 199, 202, 260, 207, 214, 238, 186),
            (72218, 72091, 71537, 71707, 72244, 72525, 71144, 72572, 70419),
        ),
        ("standard", 0.75): (
            (215, 249, 245, 273, 171, 215, 262, 272, 219, 228),
            (74011, 73645, 73758, 74096, 72132, 74003, 74229, 74571, 73684, 74274),
        ),
        ("delayed", 0.75): (
            (219, 252, 233, 244, 237, 218, 222, 223, 272, 267),
            (72266, 72904, 72072, 72898, 72548, 72126, 72171, 72030, 73121, 72826),
        ),
    }
)
