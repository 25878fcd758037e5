"""People of access control systems: what is wished of them, and how that is shown.

rules        what may be typed
wishes       how a wish is written down
services     what people do
words        how somebody is doing, and their card
opening      which doors groups open
foretelling  what an act will do, told before it is done
listing      lists of people
forms, views pages
"""
