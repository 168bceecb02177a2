// IEEE arithmetic with the host's rounding mode and sticky flags.
#pragma once
